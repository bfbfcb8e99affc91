// The programs of a PostgreSQL server: where they are, whose they are, and how they are run. Never
// through a shell; root's run as the user postgres, as PostgreSQL refuses root.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace schedctl::db {

// Who owns a local cluster: the user postgres when root asks, else the user who asks.
struct ClusterOwner {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  std::string home;
  bool drop = false;  // programs must give up root's rights first
};
ClusterOwner cluster_owner();  // throws 69 when root finds no user postgres

// As long as it lives, this thread touches files with the owner's rights, so that nothing the owner
// may have put in the way is followed with root's.
class ActingAs {
 public:
  explicit ActingAs(const ClusterOwner& owner);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  bool active_;
};

// The folder of initdb, postgres and pg_ctl: of the given major version ("15"), or the newest when
// empty, else from PATH. Throws 69 that names the package to install.
std::string server_program_folder(const std::string& major);
std::string psql_program();  // throws 69

struct ProgramEnd {
  int exit_code = 0;      // 128 + n when ended by signal n
  std::string complaint;  // the line of its stderr that says most, without control characters
};

// Runs to the end with `input` as stdin and an environment of its own. `keep_open` is a descriptor
// that the program and all its children hold until they are gone; -1: none.
ProgramEnd run_program(const std::vector<std::string>& argv, const ClusterOwner& owner,
                       const std::string& input = "", int keep_open = -1);

// Starts a program in a session of its own, with `log` as its stdout and stderr and no other
// descriptor of ours.
pid_t start_server_program(const std::vector<std::string>& argv, const ClusterOwner& owner,
                           int log);

// Of many lines the one that says most: the last that reports an error, else the last that is not
// empty.
std::string telling_line(const std::string& text);

}  // namespace schedctl::db
