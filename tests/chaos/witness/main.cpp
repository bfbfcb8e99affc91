// A handler that tells on schedctl: it writes down when each attempt starts and ends, works for a
// while, and may leave a process behind in a session of its own. Source: FAULTS, "Witness".
//
//   schedctl_witness FOLDER TYPE PLAN
//
// PLAN: "work=MS", "hang=MS" in the first attempt only, "group=NAME", "code=N" with which it exits,
// "fails=N" only the first N attempts do, "doze": most of its attempts exit with 75, "child" that
// outlives it, "deaf" to SIGTERM; separated by blanks.
#include <signal.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "chaos/journal.h"

namespace {

using namespace schedctl::chaos;

constexpr long child_life_ms = 60'000;

struct Plan {
  long work_ms = 0;
  long hang_ms = 0;
  std::string group;
  int code = 0;
  int fails = 1'000'000;
  bool doze = false;
  bool child = false;
  bool deaf = false;
};

Plan read_plan(const std::string& text) {
  Plan plan;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const auto value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (name == "work")
      plan.work_ms = std::stol(value);
    else if (name == "hang")
      plan.hang_ms = std::stol(value);
    else if (name == "group")
      plan.group = value;
    else if (name == "code")
      plan.code = std::stoi(value);
    else if (name == "fails")
      plan.fails = std::stoi(value);
    else if (name == "doze")
      plan.doze = true;
    else if (name == "child")
      plan.child = true;
    else if (name == "deaf")
      plan.deaf = true;
    else
      throw std::runtime_error("no part of a plan: " + word);
  }
  return plan;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  if (!value) throw std::runtime_error(std::string(name) + " is not set");
  return value;
}

// The parent of a handler is its reaper, whose parent is the run.
pid_t run_of_this() {
  std::ifstream file("/proc/" + std::to_string(getppid()) + "/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream fields(text.substr(text.rfind(')') + 1));
  std::string state;
  pid_t parent = 0;
  fields >> state >> parent;
  return parent;
}

Record describe(const std::string& type, const Plan& plan) {
  Record record;
  record.process = own_process();
  record.run = run_of_this();
  record.job = std::stoll(variable("SCHEDCTL_JOB_ID"));
  record.execution = std::stoll(variable("SCHEDCTL_EXECUTION_ID"));
  record.attempt = std::stoi(variable("SCHEDCTL_ATTEMPT"));
  record.key = variable("SCHEDCTL_IDEMPOTENCY_KEY");
  record.host = variable("CHAOS_HOST");
  record.name = type;
  record.group = plan.group;
  return record;
}

// An attempt that is put off does not count, so its number says nothing.
int exit_code_of(const Record& record, const Plan& plan) {
  if (plan.doze) return record.execution % 3 == 0 ? 0 : 75;
  return record.attempt <= plan.fails ? plan.code : 0;
}

void work(long milliseconds) {
  timespec left{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

// Out of the session, its parent gone, deaf, and with the pipes of the handler in its hands.
void leave_child(const std::string& folder, Record record) {
  if (fork() != 0) return;
  setsid();
  if (fork() != 0) _exit(0);
  signal(SIGTERM, SIG_IGN);
  record.kind = Record::Kind::child;
  record.process = own_process();
  Ledger(folder).enter(record);
  work(child_life_ms);
  _exit(0);
}

int witness(const std::string& folder, const std::string& type, const Plan& plan) {
  auto record = describe(type, plan);
  if (plan.deaf) signal(SIGTERM, SIG_IGN);
  {
    Ledger ledger(folder);
    ledger.sweep();
    ledger.enter(record);
  }
  if (plan.child) leave_child(folder, record);
  std::printf("attempt %d at job %lld\n", record.attempt, static_cast<long long>(record.job));
  std::fflush(stdout);
  if (record.attempt == 1) work(plan.hang_ms);
  work(plan.work_ms);
  record.kind = Record::Kind::end;
  record.exit_code = exit_code_of(record, plan);
  Ledger(folder).append(record);
  std::fprintf(stderr, "exit code %d\n", record.exit_code);
  return record.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw std::runtime_error("use: schedctl_witness FOLDER TYPE PLAN");
    return witness(argv[1], argv[2], read_plan(argv[3]));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "schedctl_witness: %s\n", e.what());
    return 70;
  }
}
