# cmake -DTEXTS=a.md;b.md -DOUTPUT=help_texts.h -P embed.cmake
set(content "// Made by core/shell/embed.cmake.\n#pragma once\n#include <string_view>\nnamespace seed::shell {\n")
foreach(text ${TEXTS})
  get_filename_component(name ${text} NAME_WE)
  file(READ ${text} body)
  string(APPEND content "inline constexpr std::string_view help_text_${name} = R\"seed_help(${body})seed_help\";\n")
endforeach()
string(APPEND content "}  // namespace seed::shell\n")
file(WRITE ${OUTPUT} "${content}")
