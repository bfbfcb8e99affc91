#include "handlers/json_text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace schedctl::handlers {
namespace {

using Json = nlohmann::json;

constexpr int max_depth = 500;
// Of the type numeric: 131072 digits before the point, 16383 after it. Kept well inside.
constexpr std::int64_t max_digits_before = 100'000;
constexpr std::int64_t max_digits_after = 16'000;

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  // The next character that is no space; 0 at the end.
  char peek() {
    at_ = std::min(text_.find_first_not_of(" \t\n\r", at_), text_.size());
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool skip(char expected) {
    if (peek() != expected) return false;
    ++at_;
    return true;
  }
  // The next value with all that it holds, as written. Empty at the end.
  std::string_view value() {
    peek();
    const auto begin = at_;
    int depth = 0;
    do {
      const char c = peek();
      if (c == '"') {
        skip_string();
      } else if (c == '{' || c == '[') {
        ++depth, ++at_;
      } else if (c == '}' || c == ']') {
        --depth, ++at_;
      } else if (c == ',' || c == ':') {
        if (depth == 0) break;  // not a value
        ++at_;
      } else {
        at_ = std::min(text_.find_first_of(",:]}[{\" \t\n\r", at_), text_.size());
      }
    } while (depth > 0 && at_ < text_.size());
    return text_.substr(begin, at_ - begin);
  }

 private:
  void skip_string() {
    for (++at_; at_ < text_.size(); ++at_) {
      at_ = text_.find_first_of("\"\\", at_);
      if (at_ == std::string_view::npos || text_[at_] == '"') break;
      ++at_;
    }
    at_ = std::min(at_, text_.size() - 1) + 1;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool is_name(std::string_view quoted, std::string_view name) {
  if (quoted.find('\\') == std::string_view::npos)
    return quoted.size() == name.size() + 2 && quoted.substr(1, name.size()) == name;
  const auto key = Json::parse(quoted, nullptr, false);
  return key.is_string() && key.get_ref<const std::string&>() == name;
}

// Answers "go on" to each event as long as jsonb would take it.
class JsonbCheck : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return depth_ > 0; }
  bool boolean(bool) override { return depth_ > 0; }
  bool number_integer(std::int64_t) override { return depth_ > 0; }
  bool number_unsigned(std::uint64_t) override { return depth_ > 0; }
  bool number_float(double, const std::string& digits) override {
    return depth_ > 0 && is_numeric(digits);
  }
  bool string(std::string& text) override { return depth_ > 0 && holds_no_nul(text); }
  bool key(std::string& text) override { return holds_no_nul(text); }
  bool start_object(std::size_t) override { return ++depth_ < max_depth; }
  bool start_array(std::size_t) override { return depth_ > 0 && ++depth_ < max_depth; }
  bool end_object() override { return --depth_, true; }
  bool end_array() override { return --depth_, true; }
  bool binary(Json::binary_t&) override { return false; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  static bool holds_no_nul(const std::string& text) { return text.find('\0') == std::string::npos; }
  static bool is_numeric(std::string_view digits) {
    const auto e = digits.find_first_of("eE");
    const auto mantissa = digits.substr(0, e);
    const auto point = mantissa.find('.');
    std::int64_t exponent = 0;
    if (e != std::string_view::npos) {
      const auto text = digits.substr(e + (digits[e + 1] == '+' ? 2 : 1));
      if (std::from_chars(text.data(), text.data() + text.size(), exponent).ec != std::errc())
        return false;
    }
    const auto before = static_cast<std::int64_t>(mantissa.substr(0, point).size());
    const auto after = static_cast<std::int64_t>(mantissa.size()) - before;
    if (exponent > max_digits_before || exponent < -max_digits_after) return false;
    return before + exponent <= max_digits_before && after - exponent <= max_digits_after;
  }

  int depth_ = 0;
};

}  // namespace

std::optional<std::string_view> member_of(std::string_view object, std::string_view name) {
  Cursor cursor(object);
  if (!cursor.skip('{')) return std::nullopt;
  std::optional<std::string_view> found;
  while (cursor.peek() == '"') {
    const auto key = cursor.value();
    if (!cursor.skip(':')) break;
    const auto value = cursor.value();
    if (is_name(key, name)) found = value;
    if (!cursor.skip(',')) break;
  }
  return found;
}

bool is_jsonb_object(std::string_view text) {
  JsonbCheck check;
  return text.starts_with('{') && Json::sax_parse(text, &check);
}

}  // namespace schedctl::handlers
