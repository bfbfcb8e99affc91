#include "db/examine.h"

#include <fmt/format.h>

#include <set>
#include <sstream>

#include "sql/db.h"

namespace schedctl::db {

std::string note_pieces_statement() {
  return fmt::format(
      "insert into settings (key, value)\n"
      "select 'pieces', string_agg(piece, E'\\n' order by piece) from (\n{}\n) as pieces\n"
      "on conflict (key) do update set value = excluded.value, updated_at = now()",
      sql::db::pieces.text);
}

std::vector<std::string> missing_pieces(Transaction& tx) {
  const auto noted = tx.exec_text("select value from settings where key = 'pieces'");
  if (noted.empty()) return {};
  std::set<std::string> present;
  for (const auto& row : tx.exec(sql::db::pieces)) present.insert(row[0].c_str());
  std::vector<std::string> missing;
  std::istringstream lines(noted[0][0].c_str());
  for (std::string piece; std::getline(lines, piece);)
    if (!present.contains(piece)) missing.push_back(piece);
  return missing;
}

std::vector<std::string> missing_rights(Transaction& tx) {
  std::vector<std::string> missing;
  for (const auto& row : tx.exec(sql::db::missing_rights)) missing.emplace_back(row[0].c_str());
  return missing;
}

}  // namespace schedctl::db
