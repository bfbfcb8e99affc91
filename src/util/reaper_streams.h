// The standard streams of a command, as its reaper's owner holds them.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "util/descriptor.h"

namespace schedctl {

using Output = std::function<void(int fd, std::string_view bytes)>;

constexpr std::size_t output_read_size = 64 * 1024;

// Reads one end of a pipe; closed at the end of the file.
class OutputPipe {
 public:
  explicit OutputPipe(int number) : number_(number) {}

  // The end to write to. Empty with errno set when there is none.
  std::optional<Descriptor> open();

  // At most one buffer, of output_read_size. Returns the number of bytes, 0 when there are none now
  // or ever.
  std::size_t read(char* buffer, const Output& output);
  // What lies in the pipe, and no more: somebody may go on writing.
  void drain(char* buffer, const Output& output);

  int get() const { return reader_.get(); }

 private:
  int number_;
  Descriptor reader_;
};

// A file in memory that holds `data` and can no longer change. Empty with errno set when there is
// no room.
std::optional<Descriptor> sealed_file(const std::string& data);

}  // namespace schedctl
