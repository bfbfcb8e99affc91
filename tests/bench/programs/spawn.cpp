// The least that running commands can cost: posix_spawn and wait, with standard output and standard
// error of each child captured through pipes, so many children at a time.
//
// Usage: bench_spawn PLACES COUNT PROGRAM [ARGUMENT...]
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

struct Child {
  pid_t pid = 0;
  std::array<int, 2> output{-1, -1};  // reading ends of its stdout and stderr; -1: at its end
  std::string captured;
};

[[noreturn]] void fail(const char* what, int error) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(error));
  std::exit(1);
}

void start(Child& child, char** command) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  std::array<int, 2> writing{};
  for (int stream = 0; stream < 2; ++stream) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2", errno);
    child.output[stream] = ends[0];
    writing[stream] = ends[1];
    posix_spawn_file_actions_adddup2(&actions, ends[1], stream + 1);
  }
  const int error = posix_spawnp(&child.pid, command[0], &actions, nullptr, command, environ);
  if (error != 0) fail(command[0], error);
  posix_spawn_file_actions_destroy(&actions);
  for (const int end : writing) close(end);
}

// False at the end of the stream.
bool capture(Child& child, int stream) {
  std::array<char, 4096> buffer{};
  const auto size = read(child.output[stream], buffer.data(), buffer.size());
  if (size > 0) {
    child.captured.append(buffer.data(), static_cast<std::size_t>(size));
    return true;
  }
  close(child.output[stream]);
  child.output[stream] = -1;
  return false;
}

void reap(Child& child) {
  int status = 0;
  if (waitpid(child.pid, &status, 0) != child.pid) fail("waitpid", errno);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::fprintf(stderr, "the command failed: %s\n", child.captured.c_str());
    std::exit(1);
  }
  child = {};
}

// Waits for output of the children and reaps those whose streams have both ended: how many.
int attend(std::vector<Child>& children) {
  std::vector<pollfd> waiting;
  for (const auto& child : children) {
    for (const int end : child.output) waiting.push_back({end, POLLIN, 0});
  }
  if (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) fail("poll", errno);
  int ended = 0;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    auto& child = children[i / 2];
    if (waiting[i].revents == 0 || capture(child, static_cast<int>(i % 2))) continue;
    if (child.output[0] >= 0 || child.output[1] >= 0) continue;
    reap(child);
    ++ended;
  }
  return ended;
}

}  // namespace

int main(int argc, char** argv) {
  const int places = argc > 3 ? std::atoi(argv[1]) : 0;
  const int count = argc > 3 ? std::atoi(argv[2]) : 0;
  if (places < 1 || count < 1) {
    std::fprintf(stderr, "usage: bench_spawn PLACES COUNT PROGRAM [ARGUMENT...]\n");
    return 64;
  }
  std::vector<Child> children(static_cast<std::size_t>(places));
  int started = 0;
  for (int ended = 0; ended < count;) {
    for (auto& child : children) {
      if (child.pid != 0 || started == count) continue;
      start(child, argv + 3);
      ++started;
    }
    ended += attend(children);
  }
}
