// Database: a fresh, migrated schema on the server that all tests of a run share.
#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "db/connection.h"
#include "db/transaction.h"
#include "job/job.h"
#include "util/clock.h"

namespace schedctl::test {

// The shared server: $SCHEDCTL_TEST_DATABASE_URL, which ctest sets; without it one is started for
// this build and left running.
std::string server_url();

// An instant that is over.
inline constexpr Time past{std::chrono::sys_days{std::chrono::year{2020} / 1 / 1}};

class Database {
 public:
  enum class Content { migrated, nothing };  // nothing: not even the schema

  explicit Database(Content content = Content::migrated);
  ~Database();  // drops the schema, unless $KEEP_DB is set
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  const std::string& schema() const { return schema_; }
  // How the product gets there: through a pooler, if so are the tests.
  std::string url() const;
  config::Database config() const;
  db::Connection connect(db::Session session = db::Session::control) const;
  // To the server itself in any case, for what the world around the product does.
  db::Connection connect_directly(db::Session session = db::Session::control) const;

  // Each runs in a transaction of its own, on a direct connection that this object keeps, with
  // search_path at the schema.
  db::Result query(const std::string& sql, const std::vector<db::Param>& params = {});
  // The first column of the first row, "" when null or no row.
  std::string value(const std::string& sql, const std::vector<db::Param>& params = {});
  job::JobId insert_pending(const std::string& type, Time scheduled_for = past,
                            const std::string& payload = "{}");

  // The [database] section of a schedctl.toml that means this schema.
  std::string toml() const;

 private:
  std::string schema_;
  db::Connection connection_;
};

}  // namespace schedctl::test
