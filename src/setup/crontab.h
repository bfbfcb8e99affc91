// Crontab: a user's table, read and written by crontab(1), which alone knows where it lies and
// installs it whole or not at all.
#pragma once

#include <string>

#include "util/account.h"

namespace schedctl::setup {

class Crontab {
 public:
  // Throws Error 69 when there is no crontab(1), 77 when the table is another user's and we are not
  // root.
  explicit Crontab(const Account& user);

  // Empty when the user has none. Throws Error 77 when cron does not let this user have one.
  std::string read() const;
  // Throws Error 73 with cron's words when it is not taken. Nothing is left of it when it is empty.
  void write(const std::string& text) const;

  const std::string& place() const { return place_; }  // "crontab of root"

 private:
  std::string program_;
  std::string user_;
  bool own_ = true;
  std::string place_;
};

}  // namespace schedctl::setup
