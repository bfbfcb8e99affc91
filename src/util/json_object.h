// JSON objects given as text: looked at without being built.
#pragma once

#include <string>
#include <string_view>

namespace schedctl {

// Numbers beyond double and \u0000: PostgreSQL decides about them, or they are faults too.
enum class JsonRules { leave_to_server, complete };

// What keeps the text from being one JSON object, at most 500 levels deep; empty when nothing does.
// Behind a number beyond double that is left to the server it looks no further.
std::string fault_of_json_object(std::string_view text, JsonRules rules);

}  // namespace schedctl
