// Asks the same question again and again until its standard input ends, and prints how often it
// asked and the first row that ever came back. The question is about something that must never be,
// so no row is the good answer.
//
// Usage: bench_witness CONNINFO QUERY
#include <poll.h>

#include "pq.h"

namespace {

constexpr int pause_ms = 2;  // so that the witness does not take a core from those it watches

bool input_ended() {
  pollfd input{0, POLLIN, 0};
  return poll(&input, 1, pause_ms) > 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) bench::fail("usage", "bench_witness CONNINFO QUERY");
  const auto connection = bench::connect(argv[1]);
  bench::Result seen;
  long asked = 0;
  do {
    auto answer = bench::execute(connection, argv[2]);
    ++asked;
    if (!seen && PQntuples(answer.get()) > 0) seen = std::move(answer);
  } while (!input_ended());

  std::printf("%ld %s\n", asked, seen ? PQgetvalue(seen.get(), 0, 0) : "");
}
