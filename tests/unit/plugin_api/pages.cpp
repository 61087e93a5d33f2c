// docs/contracts/KIND.md says what plugin-api/schema/KIND-0.json says: every slot, every member, and examples that fit.
#include <gmock/gmock.h>

#include <fstream>
#include <set>

#include <seed/util/file.h>
#include <seed/util/text.h>

#include "core/providers/contracts.h"
#include "core/providers/schema.h"

namespace seed::providers {
namespace {

std::vector<std::string> page_of(const Contract &contract) {
    return split(read_file(SEED_SOURCE_DIR "/docs/contracts/" + std::string(contract.kind) + ".md"), '\n');
}

// "| **name** | string | ..." gives {"name", true}; none for other lines.
std::optional<std::pair<std::string, bool>> row_of(const std::string &line) {
    if (line.rfind("| ", 0) != 0) return std::nullopt;
    std::string cell(trim(split(line, '|').at(1)));
    if (cell == "member") return std::nullopt;
    bool bold = cell.size() > 4 && cell.rfind("**", 0) == 0;
    return std::pair{bold ? cell.substr(2, cell.size() - 4) : cell, bold};
}

TEST(Pages, EverySlotOfAContractIsListedWithItsBodies) {
    for (const Contract &contract : contracts()) {
        SCOPED_TRACE(contract.kind);
        std::set<std::string> listed;
        for (const std::string &line : page_of(contract)) {
            if (line.rfind("| `", 0) != 0) continue;
            auto cells = split(line, '|');
            std::string slot(trim(cells.at(1)));
            listed.insert(slot.substr(1, slot.size() - 2));
        }
        for (const auto &[slot, body] : contract_schema(contract.kind)["slots"].items())
            EXPECT_TRUE(listed.count(slot)) << "slot " << slot << " is not on its page";
        for (const std::string &slot : listed) EXPECT_TRUE(contract.find(slot)) << "slot " << slot << " does not exist";
    }
}

TEST(Pages, EveryMemberOfEveryBodyIsListedAndBoldWhenItIsRequired) {
    for (const Contract &contract : contracts()) {
        SCOPED_TRACE(contract.kind);
        std::map<std::string, std::map<std::string, bool>> bodies;
        std::string body;
        for (const std::string &line : page_of(contract)) {
            if (line.rfind("**", 0) == 0 && line.size() > 4 && line.substr(line.size() - 2) == "**") {
                body = line.substr(2, line.size() - 4);
                bodies[body];
            } else if (auto row = row_of(line); row && !body.empty()) {
                bodies[body].insert(*row);
            }
        }
        for (const auto &[name, definition] : contract_schema(contract.kind)["definitions"].items()) {
            SCOPED_TRACE(name);
            ASSERT_TRUE(bodies.count(name)) << "is not on its page";
            std::set<std::string> required;
            for (const json &member : definition.value("required", json::array())) required.insert(member);
            const json members = definition.value("properties", json::object());
            for (const auto &[member, schema] : members.items()) {
                ASSERT_TRUE(bodies[name].count(member)) << member << " is not on its page";
                EXPECT_EQ(bodies[name][member], required.count(member) == 1) << member;
            }
            for (const auto &[member, bold] : bodies[name]) EXPECT_TRUE(members.contains(member)) << member;
        }
    }
}

TEST(Pages, EveryExampleFitsItsSchema) {
    for (const Contract &contract : contracts()) {
        SCOPED_TRACE(contract.kind);
        std::string slot;
        int examples = 0;
        for (const std::string &line : page_of(contract)) {
            if (line.rfind("### ", 0) == 0) slot = line.substr(4);
            bool request = line.rfind("-> ", 0) == 0, answer = line.rfind("<- ", 0) == 0;
            if (!request && !answer) continue;
            SCOPED_TRACE(line);
            std::string text = line.substr(3);
            bool item = text.find("(each item)") != std::string::npos;
            if (auto end = text.find("   ("); end != std::string::npos) text = text.substr(0, end);
            json value = json::parse(text);
            EXPECT_NO_THROW(
                check_body(contract.kind, slot, request ? Body::request : item ? Body::item : Body::reply, value));
            ++examples;
        }
        EXPECT_GE(examples, 8);
    }
}

}  // namespace
}  // namespace seed::providers
