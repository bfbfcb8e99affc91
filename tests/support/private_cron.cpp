#include "support/private_cron.h"

#include <unistd.h>

namespace schedctl::test {

bool may_mount() {
  return geteuid() == 0 && run({"unshare", "--mount", "--propagation=private", "mount", "-t",
                                "tmpfs", "tmpfs", "/mnt"})
                                   .exit_code == 0;
}

std::vector<std::string> in_private_cron(const std::string& script) {
  const std::string prelude =
      "set -e; S='" + binary() +
      "'\n"
      "mount -t tmpfs -o mode=1730,gid=$(getent group crontab | cut -d: -f3) tmpfs "
      "/var/spool/cron/crontabs\n"
      "mount -t tmpfs -o mode=0755 tmpfs /etc/cron.d\n"
      "mount -t tmpfs -o mode=0755 tmpfs /etc/systemd/system\n"
      "set +e\n";
  return {"unshare", "--mount", "--propagation=private", "bash", "-c", prelude + script};
}

}  // namespace schedctl::test
