// Roff: the texts of packaging/man in the language of man(7).
#pragma once

#include <string>
#include <string_view>

namespace schedctl::pages {

std::string bold(std::string_view text);
std::string italic(std::string_view text);
// A word or more as it is typed: every hyphen and quote is that of ASCII.
std::string typed(std::string_view text);

// Prose with `code`, *italics* and references.
std::string prose(std::string_view line);
// Paragraphs, items and blocks of code. Ends with a newline unless it is empty.
std::string body(std::string_view text);

}  // namespace schedctl::pages
