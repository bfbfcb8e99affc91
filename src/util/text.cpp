#include "util/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "util/error.h"

namespace schedctl {
namespace {

struct Sequence {
  char32_t code = 0;
  std::size_t length = 1;
  bool well_formed = false;
};

struct Lead {
  std::size_t length;  // of the whole sequence; 0: no sequence begins so
  unsigned lowest =
      0x80;  // of the second byte; keeps out overlong forms, surrogates and what is past U+10FFFF
  unsigned highest = 0xBF;
};

// Source: The Unicode Standard, table 3-7 "Well-Formed UTF-8 Byte Sequences".
Lead classify(unsigned byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

// The first sequence of `bytes`, which must not be empty. An ill-formed one is as long as the part
// that could have begun a character, so that it is replaced once (same standard, section 3.9,
// "maximal subpart").
Sequence decode(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const Lead lead = classify(at(0));
  if (lead.length == 1) return {at(0), 1, true};
  if (lead.length == 0) return {0, 1, false};

  char32_t code = at(0) & (0x7FU >> lead.length);
  for (std::size_t i = 1; i < lead.length; ++i) {
    const unsigned lowest = i == 1 ? lead.lowest : 0x80, highest = i == 1 ? lead.highest : 0xBF;
    if (i == bytes.size() || at(i) < lowest || at(i) > highest) return {0, i, false};
    code = (code << 6) | (at(i) & 0x3FU);
  }
  return {code, lead.length, true};
}

// How many bytes at the beginning are ASCII without NUL; looks at eight bytes at once, as payloads
// are large.
std::size_t plain_prefix(std::string_view bytes) {
  constexpr std::uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
  std::size_t i = 0;
  for (std::uint64_t word = 0; i + sizeof word <= bytes.size(); i += sizeof word) {
    std::memcpy(&word, bytes.data() + i, sizeof word);
    if ((word & tops) != 0 || ((word - ones) & ~word & tops) != 0) break;
  }
  while (i < bytes.size() && bytes[i] > 0) ++i;
  return i;
}

bool is_bidirectional_control(char32_t code) {
  return code == 0x061C || code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

bool must_be_escaped(char32_t code) {
  if (code < 0x20) return code != '\t';
  const bool breaks_line = code == 0x2028 || code == 0x2029;
  return (code >= 0x7F && code <= 0x9F) || breaks_line || is_bidirectional_control(code);
}

void append_hex(std::string& out, unsigned value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    out += "0123456789abcdef"[(value >> shift) & 0xFU];
}

void append_escaped(std::string& out, char32_t code) {
  if (code == '\n') {
    out += "\\n";
  } else if (code == '\r') {
    out += "\\r";
  } else if (code < 0x80) {
    out += "\\x";
    append_hex(out, code, 2);
  } else {
    out += "\\u{";
    append_hex(out, code, code > 0xFFF ? 4 : code > 0xFF ? 3 : 2);
    out += '}';
  }
}

struct SizeUnit {
  std::string_view name;
  std::int64_t bytes;
};

constexpr std::array<SizeUnit, 11> size_units{{{"", 1},
                                               {"B", 1},
                                               {"kB", 1'000},
                                               {"KB", 1'000},
                                               {"KiB", 1LL << 10},
                                               {"MB", 1'000'000},
                                               {"MiB", 1LL << 20},
                                               {"GB", 1'000'000'000},
                                               {"GiB", 1LL << 30},
                                               {"TB", 1'000'000'000'000},
                                               {"TiB", 1LL << 40}}};

// Edit distance that counts a swap of neighbours as one, the commonest slip of the fingers.
// Source: "optimal string alignment", Damerau 1964.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

bool is_storable(std::string_view bytes) {
  for (;;) {
    bytes.remove_prefix(plain_prefix(bytes));
    if (bytes.empty()) return true;
    const Sequence next = decode(bytes);
    if (!next.well_formed || next.code == 0) return false;
    bytes.remove_prefix(next.length);
  }
}

std::string make_storable(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t plain = plain_prefix(bytes);
    out += bytes.substr(0, plain);
    bytes.remove_prefix(plain);
    if (bytes.empty()) break;
    const Sequence next = decode(bytes);
    if (next.well_formed && next.code != 0) {
      out += bytes.substr(0, next.length);
    } else {
      out += "\xEF\xBF\xBD";
    }
    bytes.remove_prefix(next.length);
  }
  return out;
}

std::string escape_control(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Sequence next = decode(text);
    if (!next.well_formed) {
      for (std::size_t i = 0; i < next.length; ++i) {
        out += "\\x";
        append_hex(out, static_cast<unsigned char>(text[i]), 2);
      }
    } else if (must_be_escaped(next.code)) {
      append_escaped(out, next.code);
    } else {
      out += text.substr(0, next.length);
    }
    text.remove_prefix(next.length);
  }
  return out;
}

std::int64_t parse_size(std::string_view text) {
  const auto fail = [&](const std::string& why) -> DataError {
    return DataError("\"" + escape_control(text.substr(0, 64)) + "\" is no size" + why +
                     ": use bytes or e.g. \"64KiB\", \"50MB\" or \"2GiB\"");
  };
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) throw fail(" (too large)");
  if (error != std::errc() || text[0] == '-') throw fail("");

  const auto name = text.substr(static_cast<std::size_t>(end - text.data()));
  const auto unit =
      std::ranges::find_if(size_units, [&](const SizeUnit& u) { return u.name == name; });
  if (unit == size_units.end()) throw fail("");
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(number, unit->bytes, &bytes)) throw fail(" (too large)");
  return bytes;
}

std::string format_size(std::int64_t bytes) {
  std::string shortest = std::to_string(bytes);
  if (bytes <= 0) return shortest;
  for (const auto& unit : size_units) {
    if (unit.bytes == 1 || unit.name == "KB" || bytes % unit.bytes != 0) continue;
    auto text = std::to_string(bytes / unit.bytes);
    text += unit.name;
    if (text.size() <= shortest.size()) shortest = std::move(text);
  }
  return shortest;
}

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash;
}

std::optional<std::string> suggestion(std::string_view word,
                                      const std::vector<std::string>& candidates) {
  const std::size_t near = std::max<std::size_t>(1, std::min<std::size_t>(word.size() / 3, 4));
  std::optional<std::string> best;
  std::size_t best_distance = near + 1;
  for (const auto& candidate : candidates) {
    const std::size_t longer = std::max(word.size(), candidate.size());
    const std::size_t shorter = std::min(word.size(), candidate.size());
    if (longer - shorter > near || shorter == 0) continue;
    const std::size_t found = distance(word, candidate);
    // A distance as long as the word would suggest "b" for "a".
    if (found >= best_distance || found >= longer) continue;
    best_distance = found;
    best = candidate;
  }
  return best;
}

std::string json_string(std::string_view value) {
  std::string text = "\"";
  for (const char c : make_storable(value)) {
    if (c == '"' || c == '\\') text += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      text += fmt::format("\\u{:04x}", c);
    else
      text += c;
  }
  return text + "\"";
}

}  // namespace schedctl
