#include "observe/status.h"

#include "sql/observe.h"

namespace schedctl::observe {

Status status(db::Transaction& tx) {
  const auto row = tx.exec(sql::observe::status)[0];
  return {row["document"].c_str(), db::time_of(row["now"])};
}

}  // namespace schedctl::observe
