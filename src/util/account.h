// Account: a user of this system, as the password database has it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace schedctl {

struct Account {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  std::string home;
};

std::optional<Account> find_account(const std::string& name);
std::optional<Account> find_account(uid_t uid);

}  // namespace schedctl
