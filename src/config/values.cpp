#include "config/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "util/error.h"
#include "util/text.h"

namespace schedctl::config {
namespace {

template <typename... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <typename... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

[[noreturn]] void wrong_type(const Node& node, const std::string& remedy) {
  throw Problem{describe(node) + " has the wrong type: " + remedy, node.line};
}

const Array& array_of(const Node& node, const std::string& remedy) {
  const auto* array = std::get_if<Array>(&node.value);
  if (array == nullptr) wrong_type(node, remedy);
  return *array;
}

template <typename Value>
std::string in_brackets(const std::vector<Value>& values, std::string (*write)(const Value&)) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ", ") + write(value);
  return "[" + text + "]";
}

// The whole characters among the first bytes.
std::string_view head(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80) --limit;
  return text.substr(0, limit);
}

}  // namespace

std::string describe(const Node& node) {
  constexpr std::size_t shown = 60;
  return std::visit(
      Overloaded{[](const std::string& text) {
                   return quote(head(text, shown)) + (text.size() > shown ? "..." : "");
                 },
                 [](std::int64_t number) { return std::to_string(number); },
                 [](double number) { return show(number); }, [](bool truth) { return show(truth); },
                 [](const Moment& moment) { return moment.text; },
                 [](const Array&) { return std::string("an array"); },
                 [](const Table&) { return std::string("a table"); }},
      node.value);
}

std::string read_string(const Node& node) {
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr) wrong_type(node, "write a string in quotes");
  if (!is_storable(*text))
    throw Problem{describe(node) + " holds a NUL or invalid UTF-8: remove it", node.line};
  return *text;
}

std::string read_name(const Node& node, std::size_t most_bytes) {
  auto text = read_string(node);
  const auto refuse = [&](const std::string& why) {
    throw Problem{fmt::format("{} {}", describe(node), why), node.line};
  };
  if (text.find_first_not_of(' ') == std::string::npos) refuse("is blank: write a name");
  if (text.find('\t') != std::string::npos || escape_control(text) != text)
    refuse("holds control characters: remove them");
  if (text.size() > most_bytes)
    refuse(fmt::format("has {} bytes: use at most {}", text.size(), most_bytes));
  return text;
}

bool read_bool(const Node& node) {
  const auto* truth = std::get_if<bool>(&node.value);
  if (truth == nullptr) wrong_type(node, "write true or false without quotes");
  return *truth;
}

std::int64_t read_integer(const Node& node, std::int64_t least, std::int64_t most) {
  const auto* number = std::get_if<std::int64_t>(&node.value);
  if (number == nullptr) wrong_type(node, "write a whole number without quotes");
  if (*number < least || *number > most)
    throw Problem{fmt::format("{} is out of range: use {} to {}", *number, least, most), node.line};
  return *number;
}

double read_number(const Node& node, double least, double most) {
  double number = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&node.value)) {
    number = static_cast<double>(*whole);
  } else if (const auto* real = std::get_if<double>(&node.value)) {
    number = *real;
  } else {
    wrong_type(node, "write a number without quotes");
  }
  if (std::isfinite(number) && number >= least && number <= most) return number;
  const auto range = std::isfinite(most) && most < std::numeric_limits<double>::max()
                         ? fmt::format("{} to {}", show(least), show(most))
                         : fmt::format("{} or more", show(least));
  throw Problem{fmt::format("{} is out of range: use {}", show(number), range), node.line};
}

Duration read_duration(const Node& node, Duration least) {
  const auto* text = std::get_if<std::string>(&node.value);
  if (text == nullptr) wrong_type(node, "write a number with its unit in quotes, e.g. \"90s\"");
  Duration duration(0);
  try {
    duration = parse_duration(*text);
  } catch (const DataError& error) {
    throw Problem{error.what(), node.line};
  }
  if (duration < least)
    throw Problem{fmt::format("{} is too short: use {} or more", describe(node),
                              quote(format_duration(least))),
                  node.line};
  return duration;
}

std::int64_t read_size(const Node& node) {
  std::int64_t bytes = 0;
  if (const auto* number = std::get_if<std::int64_t>(&node.value)) {
    bytes = *number;
  } else if (const auto* text = std::get_if<std::string>(&node.value)) {
    try {
      bytes = parse_size(*text);
    } catch (const DataError& error) {
      throw Problem{error.what(), node.line};
    }
  } else {
    wrong_type(node, "write e.g. \"64KiB\" or \"50MB\"");
  }
  if (bytes < 1) throw Problem{describe(node) + " is too small: use \"1B\" or more", node.line};
  return bytes;
}

std::vector<std::string> read_strings(const Node& node) {
  std::vector<std::string> texts;
  for (const auto& element : array_of(node, "write a list of strings, e.g. [\"a\", \"b\"]"))
    texts.push_back(read_string(element));
  return texts;
}

std::vector<Duration> read_durations(const Node& node) {
  std::vector<Duration> durations;
  for (const auto& element : array_of(node, "write a list of durations, e.g. [\"10s\", \"5m\"]"))
    durations.push_back(read_duration(element, Duration(0)));
  if (durations.empty()) throw Problem{"[] is empty: name at least one delay", node.line};
  return durations;
}

std::vector<int> read_exit_codes(const Node& node) {
  std::vector<int> codes;
  for (const auto& element : array_of(node, "write a list of exit codes, e.g. [0, 3]")) {
    const auto code = static_cast<int>(read_integer(element, 0, 255));
    if (std::ranges::find(codes, code) != codes.end())
      throw Problem{fmt::format("{} stands twice: remove one", code), element.line};
    codes.push_back(code);
  }
  return codes;
}

std::size_t read_choice(const Node& node, const std::vector<std::string>& names) {
  const auto text = read_string(node);
  const auto found = std::ranges::find(names, text);
  if (found == names.end())
    throw Problem{fmt::format("{} is unknown{}", describe(node), hint(text, names)), node.line};
  return static_cast<std::size_t>(found - names.begin());
}

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      quoted += fmt::format("\\u{:04X}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string key_text(std::string_view key) {
  const bool bare = key.find_first_not_of(
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                        "0123456789_-") == std::string_view::npos;
  return bare && !key.empty() ? std::string(key) : quote(key);
}

std::string show(bool truth) { return truth ? "true" : "false"; }

std::string show(double number) {
  auto text = fmt::format("{}", number);
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}

std::string show(const std::vector<std::string>& texts) {
  return in_brackets<std::string>(texts, [](const std::string& text) { return quote(text); });
}

std::string show(const std::vector<int>& numbers) {
  return in_brackets<int>(numbers, [](const int& number) { return std::to_string(number); });
}

std::string show(const std::vector<Duration>& durations) {
  return in_brackets<Duration>(
      durations, [](const Duration& duration) { return quote(format_duration(duration)); });
}

std::string hint(std::string_view word, const std::vector<std::string>& candidates) {
  if (const auto near = suggestion(word, candidates))
    return fmt::format(": did you mean {}?", quote(*near));
  std::string list;
  for (const auto& candidate : candidates) list += (list.empty() ? "" : ", ") + candidate;
  return ": use one of " + list;
}

}  // namespace schedctl::config
