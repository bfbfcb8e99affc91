// Placeholder: a part of a command's argument that is filled from the job's payload when it runs:
// "--topic={payload.topic}", "{payload.a.b}". All other braces stand for themselves, so that
// programs of awk, sh or JSON can be arguments as they are.
#pragma once

#include <string_view>

namespace schedctl::config {

// Throws Problem (values.h) for what looks like a placeholder and is none: a malformed path after
// "{payload.", or another root, as in "{payloads.topic}".
void check_placeholders(std::string_view argument);

// Whether it holds at least one placeholder.
bool has_placeholder(std::string_view argument);

}  // namespace schedctl::config
