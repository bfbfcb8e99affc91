// Terminal: a person at a terminal, which is a pseudo-terminal of the system.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "support/process.h"

namespace schedctl::test {

class Terminal {
 public:
  Terminal(const std::vector<std::string>& argv, const std::vector<std::string>& env);
  ~Terminal();  // hangs up
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Waits until this stands on the screen, behind what was waited for before; fails the test else.
  void expect(const std::string& text);
  void type(const std::string& line);  // and the return key
  void end_of_input();                 // control-D
  int exit_code();                     // waits for the end; 128 + n by signal n
  const std::string& screen() const { return screen_; }

 private:
  bool read_some();  // false: the other side is closed

  int fd_ = -1;
  pid_t pid_ = -1;
  std::string screen_;
  std::size_t seen_ = 0;
};

}  // namespace schedctl::test
