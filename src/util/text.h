// Text: bytes from jobs and files made fit for databases, terminals and messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace schedctl {

// Valid UTF-8 without NUL and no lone surrogates: what PostgreSQL's text can hold.
bool is_storable(std::string_view bytes);
// The same bytes with each ill-formed sequence and each NUL replaced by U+FFFD.
std::string make_storable(std::string_view bytes);
// For terminals and log lines: control characters (C0 but tab, DEL, C1), bidirectional overrides
// and ill-formed bytes as \n \x1b \u{202e}; everything else as it is. The result is one line.
std::string escape_control(std::string_view text);

// A JSON string literal, quotes included; ill-formed bytes become U+FFFD.
std::string json_string(std::string_view text);

// "64KiB", "50MB", "1024" -> bytes. Throws DataError with a hint.
std::int64_t parse_size(std::string_view text);
// "256KiB", "50MB", "1234": the shortest text that parse_size reads back.
std::string format_size(std::int64_t bytes);

// The same number for the same text, on every host and in every version. Source: FNV-1a.
std::uint64_t fnv1a(std::string_view text);

// The candidate nearest to `word` by edit distance, if near enough to be what was meant.
std::optional<std::string> suggestion(std::string_view word,
                                      const std::vector<std::string>& candidates);

}  // namespace schedctl
