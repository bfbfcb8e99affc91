// Journal: what the witnesses of a chaos test saw, in the order of one lock, so that no clock has
// to be believed. Beside it lies the roster, the processes that were alive when last looked at:
// whoever writes a start first finds out which of them are dead by now and writes that down. So two
// runs overlap when one starts before the journal says that all of the other is gone.
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace schedctl::chaos {

// A process, told apart from a later one with its number.
struct ProcessId {
  pid_t pid = 0;
  std::uint64_t ticks = 0;  // since boot, when it was started
  auto operator<=>(const ProcessId&) const = default;
};

ProcessId own_process();
bool alive(const ProcessId& process);  // a zombie is not

struct Record {
  enum class Kind {
    start,  // a handler begins an attempt
    child,  // a process that a handler has left behind
    end,    // a handler has done its work and is about to exit
    gone,   // a process of an attempt, found dead
    act,    // what was done to a run, or to all
  };
  Kind kind = Kind::start;
  std::int64_t at_ns = 0;  // CLOCK_MONOTONIC; stamped by the ledger
  ProcessId process;
  pid_t run = 0;  // the schedctl that runs the attempt, or to which something was done
  std::int64_t job = 0;
  std::int64_t execution = 0;
  int attempt = 0;
  int exit_code = 0;  // of an end
  // At most 40 bytes each, 80 the key; without blanks.
  std::string host;
  std::string name;   // job type, or what was done
  std::string group;  // "": none
  std::string key;    // the idempotency key
};

// One line of fixed length, so that a file of them is never left with half a line: a write that
// stays within a page is not cut by a signal.
inline constexpr std::size_t line_bytes = 256;
std::string to_line(const Record& record);
// Throws std::runtime_error.
Record from_line(const std::string& line);
std::vector<Record> read_journal(const std::string& folder);

// The journal and the roster of a folder, locked as long as this object lives. A writer that is
// killed at any point leaves both in order.
class Ledger {
 public:
  explicit Ledger(const std::string& folder);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Writes `gone` for what is dead and strikes it off the roster.
  void sweep();
  // Adds a start or a child: to the roster, then to the journal.
  void enter(Record record);
  void append(Record record);

  // A process on the roster, with its run and its attempt.
  struct Entry {
    ProcessId process;
    std::int64_t job = 0;
    std::int64_t execution = 0;
    pid_t run = 0;
    std::int32_t attempt = 0;
    char reserve[24] = {};
  };
  std::vector<Entry> roster() const;

 private:
  std::vector<Entry> slots() const;  // also empty ones
  void put(std::size_t slot, const Entry& entry);

  int journal_ = -1;
  int roster_ = -1;
};

}  // namespace schedctl::chaos
