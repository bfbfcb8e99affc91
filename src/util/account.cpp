#include "util/account.h"

#include <grp.h>
#include <pwd.h>

namespace schedctl {
namespace {

std::optional<Account> account_of(const passwd* entry) {
  if (!entry) return std::nullopt;
  Account account{entry->pw_name, entry->pw_uid, entry->pw_gid, {}, entry->pw_dir};
  int count = 64;
  account.groups.resize(static_cast<std::size_t>(count));
  while (getgrouplist(account.name.c_str(), account.gid, account.groups.data(), &count) < 0)
    account.groups.resize(static_cast<std::size_t>(count));
  account.groups.resize(static_cast<std::size_t>(count));
  return account;
}

}  // namespace

std::optional<Account> find_account(const std::string& name) {
  return account_of(getpwnam(name.c_str()));
}

std::optional<Account> find_account(uid_t uid) { return account_of(getpwuid(uid)); }

}  // namespace schedctl
