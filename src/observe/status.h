// Status: how things are at this moment, all from one snapshot.
#pragma once

#include <string>

#include "db/transaction.h"

namespace schedctl::observe {

struct Status {
  // One object with the keys of DESIGN section 9, as the server wrote it. Nothing in it is
  // unbounded by nature (no payload, no result), so that a JSON parser may read it without loss.
  std::string json;
  Time now;  // the server's, when the snapshot was taken
};

// One statement. Throws DatabaseError.
Status status(db::Transaction& tx);

}  // namespace schedctl::observe
