# seed_add_plugin(NAME SOURCES ... [LIBRARIES ...]): builds NAME.so with exactly one exported symbol, seed_plugin_v1.
set(SEED_PLUGIN_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})
function(seed_add_plugin name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_library(${name} MODULE ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} seed_plugin_wrapper seed_util)
  set_target_properties(${name} PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden C_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON LIBRARY_OUTPUT_DIRECTORY ${SEED_PLUGIN_OUTPUT_DIRECTORY})
  target_link_options(${name} PRIVATE -Wl,--version-script=${SEED_PLUGIN_CMAKE_DIR}/plugin.map -Wl,-z,now -Wl,--exclude-libs,ALL)
  if(NOT SEED_SANITIZE)
    target_link_options(${name} PRIVATE -Wl,-z,defs)
  endif()
endfunction()
