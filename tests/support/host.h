// Host: a machine with a configuration file, a state folder and the real binary, working on a
// database of its own.
#pragma once

#include <string>
#include <vector>

#include "support/database.h"
#include "support/process.h"

namespace schedctl::test {

class Host {
 public:
  // What the configuration says besides [database].
  explicit Host(std::string toml = "", Database::Content content = Database::Content::migrated);

  Database database;
  TempDir folder;
  std::vector<std::string> env;  // for each schedctl; later ones win

  // Adds a handler that runs `script` with sh in the folder; `keys` are more lines of its section.
  void handler(const std::string& type, const std::string& script, const std::string& keys = "");
  void configure(const std::string& toml);       // adds to the file
  void replace_config(const std::string& toml);  // also what it says of the database

  Process start(std::vector<std::string> arguments, std::vector<std::string> more = {}) const;
  // In bash, for pipes, redirections and limits; $S is the binary.
  Process start_shell(const std::string& script, std::vector<std::string> more = {}) const;
  ProcessResult shell(const std::string& script, std::vector<std::string> more = {}) const;
  ProcessResult run(const std::vector<std::string>& arguments) const;
  Process start_process(std::vector<std::string> flags = {}) const;
  ProcessResult process(const std::vector<std::string>& flags = {}) const;
  // A run that must end with 0 and say nothing.
  void tick(const std::vector<std::string>& flags = {}) const;

  job::JobId enqueue(const std::string& type, const std::string& payload = "{}");
  void enqueue_many(const std::string& type, int count);
  std::string status(job::JobId id);
  // How its attempts ended, in order, without those that succeeded having a class:
  // "failed/exit completed".
  std::string attempts(job::JobId id);
  // The number of rows of a FROM clause: "job_queue where status = 'running'".
  int count(const std::string& from);
  void await(const std::string& from, int rows);
  void await_due(job::JobId id);
  // Waits until a run of this host hears of jobs; through a pooler, until it looks for them.
  void await_lingering(const std::string& name = "host-a");

  // What a handler wrote into a file of the folder; "" when there is none.
  std::string read(const std::string& name) const;
  int lines(const std::string& name) const;
  // Waits for a whole line, without its end.
  std::string await_line(const std::string& name) const;

 private:
  std::string toml_;
};

bool alive(pid_t pid);  // a zombie is not

// A command that was refused with one line that a person can act on, and nothing else.
void check_refused(const ProcessResult& end, int exit_code, const std::string& says);

}  // namespace schedctl::test
