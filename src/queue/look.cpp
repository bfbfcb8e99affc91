#include "queue/look.h"

#include "db/migrate.h"
#include "sql/queue.h"

namespace schedctl::queue {

Look look(db::Transaction& tx, const std::string& host, const std::string& version,
          const std::vector<std::string>& job_types) {
  const auto row = tx.exec(sql::queue::look, host, version, job_types, db::latest_version())[0];
  const auto holds = [&](const char* column) { return *row[column].c_str() == 't'; };
  return {db::time_of(row["now"]),         row["schema_version"].as<int>(0),
          row["installation_id"].c_str(),  holds("has_workers"),
          holds("first_of_hour"),          holds("paused") ? current_pause(tx) : std::nullopt,
          row["definitions_hash"].c_str(), db::optional_text_of(row["boot_id"])};
}

}  // namespace schedctl::queue
