// JSON text read without being rebuilt: a payload's numbers reach a handler digit for digit.
#pragma once

#include <optional>
#include <string_view>

namespace schedctl::handlers {

// The value of a member of the object that `object` holds, as it is written there; the last one of
// that name. Empty when there is none, or when `object` is something else. `object` must be
// well-formed, as PostgreSQL's json is.
std::optional<std::string_view> member_of(std::string_view object, std::string_view name);

// Whether `text` is a JSON object that PostgreSQL's jsonb takes: no \u0000, no number beyond
// numeric, and nested less than 500 deep.
bool is_jsonb_object(std::string_view text);

}  // namespace schedctl::handlers
