// What the programs of the benchmark share: libpq with owners, and one way to give up.
#pragma once

#include <libpq-fe.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace bench {

struct Finish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
  void operator()(PGresult* result) const { PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, Finish>;
using Result = std::unique_ptr<PGresult, Finish>;

[[noreturn]] inline void fail(const char* what, const char* why) {
  std::fprintf(stderr, "%s: %s\n", what, why);
  std::exit(1);
}

inline Connection connect(const char* conninfo) {
  Connection connection(PQconnectdb(conninfo));
  if (PQstatus(connection.get()) != CONNECTION_OK) {
    fail("connect", PQerrorMessage(connection.get()));
  }
  return connection;
}

inline Result check(PGresult* result, const char* what) {
  const auto status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
    fail(what, PQresultErrorMessage(result));
  }
  return Result(result);
}

inline Result execute(const Connection& connection, const char* sql) {
  return check(PQexec(connection.get(), sql), sql);
}

}  // namespace bench
