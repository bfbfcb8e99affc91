#include "observe/definitions.h"

#include "sql/observe.h"

namespace schedctl::observe {

std::vector<Definition> definitions(db::Transaction& tx) {
  std::vector<Definition> all;
  for (const auto& row : tx.exec(sql::observe::definitions)) {
    Definition one;
    one.name = row["name"].c_str();
    one.handler = row["handler"].c_str();
    one.state = row["state"].c_str();
    one.schedule = db::optional_text_of(row["schedule"]);
    one.written = db::optional_text_of(row["written"]);
    one.timezone = row["timezone"].c_str();
    one.next_run_at = db::optional_time_of(row["next_run_at"]);
    one.paused_until = db::optional_time_of(row["paused_until"]);
    one.last_status = db::optional_text_of(row["last_status"]);
    one.last_finished_at = db::optional_time_of(row["last_finished_at"]);
    one.differing_hosts = row["differing"].c_str();
    one.json = row["json"].c_str();
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace schedctl::observe
