// Planner: what a run does about definitions: hands over those of its configuration and plans what
// is due. Faults of the database that leave the connection alive are logged, so that jobs are run
// all the same.
#pragma once

#include <optional>
#include <vector>

#include "config/config.h"
#include "db/connection.h"
#include "db/transaction.h"
#include "queue/look.h"
#include "schedule/declare.h"
#include "schedule/plan.h"

namespace schedctl::run {

class Planner {
 public:
  // Both must outlive this object.
  Planner(const config::Config& config, db::Connection& connection);

  // Hands the definitions over when the file was changed since the host last did, when the host was
  // started since, and each hour when some could not be used. Throws DatabaseError when the
  // connection is lost.
  void declare(const queue::Look& seen, Time now);
  // Plans all that is due; `eager`: looks at definitions that wait for others too. True: somebody
  // may find new jobs. Throws DatabaseError when the connection is lost.
  bool plan(Time now, bool eager = false);
  // Some wait for others, as far as the last look could tell.
  bool waits() const { return waits_; }

  // Both in a transaction that the caller rolls back.
  void preview(db::Transaction& tx, Time now);

 private:
  bool must_declare(const queue::Look& seen) const;
  schedule::Declared declare_in(db::Transaction& tx, const queue::Look& seen, Time now);
  template <typename Work>
  bool guarded(const char* what, const Work& work);
  void keep_up(Time now);
  void report(const schedule::Declared& declared) const;
  void report(const schedule::Planned& planned);

  const config::Config& config_;
  db::Connection& connection_;
  schedule::Zones zones_;
  schedule::Declarations declarations_;
  std::string boot_id_;
  std::vector<std::int64_t> unusable_;  // definitions that this host cannot plan; said once
  bool waits_ = false;
};

}  // namespace schedctl::run
