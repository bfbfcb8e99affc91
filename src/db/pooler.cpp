#include "db/pooler.h"

#include <algorithm>
#include <initializer_list>

namespace schedctl::db {

std::string sqlstate_of_refusal(const std::string& message) {
  const auto says = [&](std::initializer_list<const char*> texts) {
    return std::any_of(texts.begin(), texts.end(),
                       [&](const char* text) { return message.find(text) != std::string::npos; });
  };
  if (says({"startup parameter"})) return protocol_violation;
  if (says({"authentication failed", "no such user", "login rejected", "role \""})) return "28000";
  if (says({"no such database", "does not exist", "is disabled"})) return "3D000";
  return "08006";
}

}  // namespace schedctl::db
