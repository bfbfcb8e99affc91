// Conninfo: what libpq is told for one attempt to connect: the user's words, our defaults, the
// session's settings. Source: PostgreSQL manual, "Database Connection Control Functions".
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "db/connection.h"

namespace schedctl::db {

using Keywords = std::vector<std::pair<std::string, std::string>>;

// The user's URL or keyword string taken apart. Throws ConfigError that begins with `origin` and
// names what libpq does not know.
Keywords parse_url(const std::string& url, const std::string& origin);

// One complete set of keywords for each host, in the order in which they are to be tried: TLS
// verified beyond loopback unless the user chose otherwise, a read-write server when there are
// several, the session's settings in `options`, unless it is pooled.
std::vector<Keywords> attempts(const config::Database& database, Session session);

// The same settings for one transaction, "set local a='b';" and so on: whose session it is behind a
// pooler, and what others have left there, is decided anew by each transaction.
std::string local_settings(const config::Database& database, Session session);

// "host:port" or the socket's folder, for messages.
std::string place(const Keywords& keywords);

}  // namespace schedctl::db
