// Resolve: the addresses of a host's name, without waiting longer than asked for a name server
// that does not answer, which getaddrinfo(3), and so libpq, does.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace schedctl::db {

struct Addresses {
  std::vector<std::string> found;  // IPv4 and IPv6, best first
  std::string fault;               // why there are none, in words for a person
};

// Thread-safe. A question that got no answer by then goes on behind our back, on a thread that ends
// with it or with the process.
Addresses resolve(const std::string& name, std::chrono::steady_clock::time_point until);

}  // namespace schedctl::db
