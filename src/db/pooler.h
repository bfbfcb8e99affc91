// Pooler: what PgBouncer and its like say themselves, in the place of the server.
// Source: PgBouncer's own messages; up to 1.18 all of them are protocol violations by SQLSTATE.
#pragma once

#include <string>

namespace schedctl::db {

inline constexpr auto protocol_violation = "08P01";

// The SQLSTATE that says what a pooler means when it refuses a login with 08P01: 28000, 3D000,
// 08006 for what may pass; 08P01 itself for start-up parameters that it does not take.
std::string sqlstate_of_refusal(const std::string& message);

}  // namespace schedctl::db
