// History: what the witnesses of a folder and the tables of a server say, before the judge of the
// chaos test.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "chaos/judge.h"
#include "support/island.h"

namespace schedctl::test {

// The [handler.witness] section of a host whose handlers are witnesses, with their journal in its
// folder.
void add_witness(Host& host);
// What a witness does, see chaos/witness: "hang=60000".
std::string witness_payload(const std::string& plan);

// What handlers have started, in order.
std::vector<chaos::Record> starts(const Host& host);
// The n-th of them, from 1. Waits for it.
chaos::Record await_start(const Host& host, std::size_t n);

// The server's time, and how long after that the first claim was made that is still to be seen;
// none: there is none yet.
std::string server_time(const Server& server);
std::optional<double> first_claim_since(const Server& server, const std::string& then);

// To be called when all is over: journal and tables agree, nothing ran twice at once, what was
// acknowledged is there.
void check_history(const Host& host, const Server& server,
                   const std::set<chaos::JobId>& acknowledged = {});

}  // namespace schedctl::test
