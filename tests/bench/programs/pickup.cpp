// How long a job waits between the commit of its enqueue and the start of its handler, which is
// this program too and reports its start over a socket.
//
// Usage: bench_pickup measure CONNINFO SOCKET COUNT INTERVAL_MS    prints COUNT latencies in ms
//        bench_pickup report SOCKET                                the handler
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "pq.h"

namespace {

constexpr int patience_ms = 30'000;
constexpr long ns_per_ms = 1'000'000;

long now_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 * ns_per_ms + now.tv_nsec;
}

void sleep_until(long ns) {
  const timespec until{ns / (1000 * ns_per_ms), ns % (1000 * ns_per_ms)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
}

sockaddr_un address_of(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (std::strlen(path) >= sizeof address.sun_path) bench::fail(path, "too long for a socket");
  std::strcpy(address.sun_path, path);
  return address;
}

// When the handler of this job has started.
long started_at(int socket, long job) {
  for (;;) {
    pollfd incoming{socket, POLLIN, 0};
    if (poll(&incoming, 1, patience_ms) <= 0) bench::fail("pickup", "a job was not started");
    char text[64] = {};
    if (recv(socket, text, sizeof text - 1, 0) < 0) bench::fail("recv", std::strerror(errno));
    long id = 0, ns = 0;
    if (std::sscanf(text, "%ld %ld", &id, &ns) != 2) bench::fail("report", text);
    if (id == job) return ns;
  }
}

int measure(const char* conninfo, const char* path, int count, int interval_ms) {
  const auto address = address_of(path);
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    bench::fail(path, std::strerror(errno));
  const auto connection = bench::connect(conninfo);
  const long start = now_ns();
  for (int i = 0; i < count; ++i) {
    sleep_until(start + i * interval_ms * ns_per_ms);
    const auto answer = bench::execute(connection, "select schedctl.enqueue('run')");
    const long committed = now_ns();
    const long job = std::atol(PQgetvalue(answer.get(), 0, 0));
    std::printf("%.3f\n", static_cast<double>(started_at(socket, job) - committed) / ns_per_ms);
  }
  unlink(path);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) bench::fail("usage", "bench_pickup CONNINFO SOCKET COUNT INTERVAL_MS");
  return measure(argv[1], argv[2], std::atoi(argv[3]), std::atoi(argv[4]));
}
