#include "util/json_object.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace schedctl {
namespace {

// PostgreSQL's own parser ends at some thousands, handlers in other languages earlier.
constexpr int deepest = 500;

// Follows the parser without building anything, and keeps the first thing that is wrong.
class Check : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Check(JsonRules rules) : rules_(rules) {}

  std::string fault;

  bool null() override { return scalar(); }
  bool boolean(bool) override { return scalar(); }
  bool number_integer(number_integer_t) override { return scalar(); }
  bool number_unsigned(number_unsigned_t) override { return scalar(); }
  bool number_float(number_float_t, const string_t&) override { return scalar(); }
  bool string(string_t& text) override { return scalar() && without_nul(text); }
  bool binary(binary_t&) override { return scalar(); }
  bool start_object(std::size_t) override { return enter(); }
  bool key(string_t& text) override { return without_nul(text); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return depth_ > 0 ? enter() : no_object(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    if (dynamic_cast<const nlohmann::detail::out_of_range*>(&error)) {
      if (rules_ == JsonRules::complete) fault = "holds a number beyond all range";
      return false;
    }
    std::string what =
        error.what();  // "[json.exception.parse_error.101] parse error at line 1, column 5: ..."
    if (const auto at = what.find("line "); at != std::string::npos) what.erase(0, at);
    // Texts of any length appear behind this.
    if (const auto read = what.find("; last read: "); read != std::string::npos) {
      const auto behind = what.find("'; expected ", read);
      what = what.substr(0, read) + (behind == std::string::npos ? "" : what.substr(behind + 1));
    }
    fault = what.substr(0, 200);
    return false;
  }

 private:
  bool enter() {
    if (++depth_ <= deepest) return true;
    fault = fmt::format("nested more than {} levels deep", deepest);
    return false;
  }
  bool leave() {
    --depth_;
    return true;
  }
  bool scalar() { return depth_ > 0 || no_object(); }
  bool no_object() {
    fault = "is no object";
    return false;
  }

  bool without_nul(const std::string& text) {
    if (rules_ == JsonRules::leave_to_server || text.find('\0') == std::string::npos) return true;
    fault = "holds \\u0000, which PostgreSQL cannot store";
    return false;
  }

  JsonRules rules_;
  int depth_ = 0;
};

}  // namespace

std::string fault_of_json_object(std::string_view text, JsonRules rules) {
  Check check(rules);
  nlohmann::json::sax_parse(text, &check);
  return check.fault;
}

}  // namespace schedctl
