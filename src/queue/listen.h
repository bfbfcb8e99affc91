// Listen: a worker that lingers hears at once of what it may claim.
// Source: PostgreSQL manual, NOTIFY.
#pragma once

#include "db/transaction.h"
#include "job/job.h"

namespace schedctl::queue {

// From the commit on, this session is notified when jobs are enqueued, a dead one is retried or a
// pause is ended: once for each transaction. Who enqueues in a statement that began before,
// whenever it commits, tells nobody; nor does what falls due or is put back by other runs. The
// notifications are empty: see Connection::take_notifications(). Throws DatabaseError.
void listen(db::Transaction& tx, job::WorkerId worker);

// Nothing is sent for this worker any more, so that enqueueing costs less.
void unlisten(db::Transaction& tx, job::WorkerId worker);

}  // namespace schedctl::queue
