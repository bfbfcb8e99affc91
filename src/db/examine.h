// Examine: whether a schema is still what its migrations made of it, and whether this session's
// user may do in it what a run does.
#pragma once

#include <string>
#include <vector>

#include "db/transaction.h"

namespace schedctl::db {

// Keeps a note of what the schema consists of now, as the last act of a migration. SQL, for scripts
// too; the search_path is at the schema.
std::string note_pieces_statement();

// What was there after the last migration and is no more, "index job_queue_due", or is now another.
// Empty also when no note was taken, by an older schedctl. Throws DatabaseError.
std::vector<std::string> missing_pieces(Transaction& tx);

// "insert on job_queue". Throws DatabaseError.
std::vector<std::string> missing_rights(Transaction& tx);

}  // namespace schedctl::db
