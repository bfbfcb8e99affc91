#include "util/reaper_streams.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace schedctl {

std::optional<Descriptor> OutputPipe::open() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  reader_.reset(ends[0]);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return Descriptor(ends[1]);
}

std::size_t OutputPipe::read(char* buffer, const Output& output) {
  const ssize_t got = ::read(reader_.get(), buffer, output_read_size);
  if (got > 0) {
    output(number_, {buffer, static_cast<std::size_t>(got)});
    return static_cast<std::size_t>(got);
  }
  if (got == 0 || (errno != EAGAIN && errno != EINTR)) reader_.reset();
  return 0;
}

void OutputPipe::drain(char* buffer, const Output& output) {
  const int capacity = ::fcntl(reader_.get(), F_GETPIPE_SZ);
  std::size_t rest = static_cast<std::size_t>(std::max(capacity, 0));
  while (reader_ && rest > 0) {
    const auto got = read(buffer, output);
    if (got == 0) return;
    rest -= std::min(rest, got);
  }
}

std::optional<Descriptor> sealed_file(const std::string& data) {
  Descriptor file(::memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return std::nullopt;
  std::string_view rest = data;
  while (!rest.empty()) {
    const ssize_t written = ::write(file.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::nullopt;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0 ||
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
    return std::nullopt;
  return file;
}

}  // namespace schedctl
