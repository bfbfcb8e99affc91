// The least that an empty tick can cost: connect, one SELECT, exit.
//
// Usage: bench_tick CONNINFO
#include "pq.h"

int main(int argc, char** argv) {
  if (argc != 2) bench::fail("usage", "bench_tick CONNINFO");
  const auto connection = bench::connect(argv[1]);
  bench::execute(connection, "select 1");
}
