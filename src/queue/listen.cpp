#include "queue/listen.h"

#include "sql/queue.h"

namespace schedctl::queue {

void listen(db::Transaction& tx, job::WorkerId worker) { tx.exec(sql::queue::listen, worker); }

void unlisten(db::Transaction& tx, job::WorkerId worker) { tx.exec(sql::queue::unlisten, worker); }

}  // namespace schedctl::queue
