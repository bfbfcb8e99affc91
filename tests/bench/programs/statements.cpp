// Runs the statements of a file, one a line, each in a transaction of its own, and prints the
// seconds they took; the connection is made before and the file is read before.
//
// Usage: bench_statements CONNINFO FILE
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "pq.h"

int main(int argc, char** argv) {
  if (argc != 3) bench::fail("usage", "bench_statements CONNINFO FILE");
  std::vector<std::string> statements;
  std::ifstream file(argv[2]);
  for (std::string line; std::getline(file, line);) statements.push_back(line);
  if (statements.empty()) bench::fail(argv[2], "no statement in this file");
  const auto connection = bench::connect(argv[1]);

  const auto start = std::chrono::steady_clock::now();
  for (const auto& statement : statements) bench::execute(connection, statement.c_str());
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;

  std::printf("%.6f\n", taken.count());
}
