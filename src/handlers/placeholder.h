// Placeholders: values of the payload in the arguments of a command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace schedctl::handlers {

// `argv` with each {payload.a.b} replaced: a string by its text, a number by its digits as they are
// written in the payload, true and false by these words. One argument stays one argument, a value
// is never expanded again, and the program (argv[0]) is not expanded at all. Other braces stand for
// themselves. Throws DataError that names the placeholder when the value is missing, null, an
// object or an array, holds a NUL, or would make the argument an option: it begins with "-" and no
// "--" stands before it.
std::vector<std::string> expand(const std::vector<std::string>& argv, std::string_view payload);

}  // namespace schedctl::handlers
