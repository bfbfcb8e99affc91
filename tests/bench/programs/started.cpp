// The command of the jobs whose pick-up bench_pickup measures: sends its job and the instant of its
// start, and ends. Loads no library, so that its own start takes next to nothing.
//
// Usage: bench_started SOCKET
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const char* job = std::getenv("SCHEDCTL_JOB_ID");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (argc != 2 || !job || std::strlen(argv[1]) >= sizeof address.sun_path) return 64;
  std::strcpy(address.sun_path, argv[1]);

  char report[64];
  const int length = std::snprintf(report, sizeof report, "%s %ld", job,
                                   now.tv_sec * 1'000'000'000L + now.tv_nsec);
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto sent = sendto(socket, report, static_cast<std::size_t>(length), 0,
                           reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return sent == length ? 0 : 1;
}
