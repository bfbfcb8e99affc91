#include "queue/refusal.h"

#include <fmt/format.h>

namespace schedctl::queue {

std::string answer_of(const db::Row& row, job::JobId id, const std::string& rule) {
  if (!row["answer"].is_null()) return row["answer"].c_str();
  throw Refusal(row["finished"].is_null()
                    ? fmt::format("there is no job {}: it never was, or it was removed", id)
                    : fmt::format("job {} is {}: {}", id, row["finished"].c_str(), rule));
}

void throw_refusal(const DatabaseError& error) {
  if (error.sqlstate() != "22023") return;
  std::string_view message = error.what();
  constexpr std::string_view prefix = "database: ";
  if (message.starts_with(prefix)) message.remove_prefix(prefix.size());
  throw Refusal(std::string(message));
}

}  // namespace schedctl::queue
