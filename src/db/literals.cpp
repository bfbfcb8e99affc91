#include "db/literals.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>

#include "db/errors.h"
#include "util/error.h"

namespace schedctl::db {
namespace {

constexpr auto invalid_encoding = "22021";

struct FreeText {
  void operator()(char* text) const { PQfreemem(text); }
};

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_name_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80) != 0;
}

class Scan {
 public:
  Scan(pg_conn* connection, std::string_view statement, const std::vector<Param>& params)
      : connection_(connection), rest_(statement), params_(params) {
    std::size_t room = statement.size();
    for (const auto& param : params) room += param.text() ? param.text()->size() + 2 : 4;
    sql_.reserve(room);
  }

  std::string run() {
    while (!rest_.empty())
      if (!skip_comment() && !take_parameter() && !take_quoted()) take_word();
    return std::move(sql_);
  }

 private:
  bool skip_comment() {
    const bool line = rest_.starts_with("--");
    if (!line && !rest_.starts_with("/*")) return false;
    const auto end = line ? rest_.find('\n') : rest_.find("*/", 2);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + (line ? 0 : 2));
    if (!line) sql_ += ' ';
    return true;
  }

  bool take_parameter() {
    if (rest_.size() < 2 || rest_[0] != '$' || !is_digit(rest_[1])) return false;
    std::size_t number = 0, length = 1;
    for (; length < rest_.size() && length < 6 && is_digit(rest_[length]); ++length)
      number = number * 10 + static_cast<std::size_t>(rest_[length] - '0');
    if (number == 0 || number > params_.size())
      throw Error(ExitCode::internal, fmt::format("a statement has no parameter ${}", number));
    append_literal(params_[number - 1].text());
    rest_.remove_prefix(length);
    return true;
  }

  // Also right when the session takes backslashes in ordinary strings for escapes.
  void append_literal(const std::optional<std::string>& value) {
    if (!value) {
      sql_ += "null";
      return;
    }
    // Up to the first NUL, as when it is sent apart.
    const auto length = std::char_traits<char>::length(value->c_str());
    const std::unique_ptr<char, FreeText> literal(
        PQescapeLiteral(connection_, value->c_str(), length));
    if (!literal)
      throw DatabaseError(ExitCode::data, "database: " + first_line(PQerrorMessage(connection_)),
                          invalid_encoding);
    sql_ += literal.get();
  }

  bool take_quoted() {
    const auto quote = opening_quote();
    if (quote.empty()) return false;
    const auto end = rest_.find(quote, quote.size());
    take(end == std::string_view::npos ? rest_.size() : end + quote.size());
    return true;
  }

  // Of a string, a name, a text between dollars; empty: nothing is quoted here.
  std::string_view opening_quote() const {
    if (rest_[0] == '\'' || rest_[0] == '"') return rest_.substr(0, 1);
    const auto end = rest_[0] == '$' ? rest_.find('$', 1) : std::string_view::npos;
    if (end == std::string_view::npos) return {};
    const auto tag = rest_.substr(1, end - 1);
    const bool is_tag = std::all_of(tag.begin(), tag.end(), is_name_byte);
    return is_tag ? rest_.substr(0, end + 1) : std::string_view();
  }

  // With the dollars in it; or one other byte.
  void take_word() {
    std::size_t length = 1;
    if (is_name_byte(rest_[0]))
      while (length < rest_.size() && (is_name_byte(rest_[length]) || rest_[length] == '$'))
        ++length;
    take(length);
  }

  void take(std::size_t length) {
    sql_ += rest_.substr(0, length);
    rest_.remove_prefix(length);
  }

  pg_conn* connection_;
  std::string_view rest_;
  const std::vector<Param>& params_;
  std::string sql_;
};

}  // namespace

std::string with_literals(pg_conn* connection, std::string_view statement,
                          const std::vector<Param>& params) {
  return Scan(connection, statement, params).run();
}

}  // namespace schedctl::db
