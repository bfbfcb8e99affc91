// Session watch: a reaper's eye on the session that its owner's claims depend on. An owner that is
// frozen cannot notice that it was cut, but the kernel tells whoever holds the socket too. Source:
// poll(2) POLLRDHUP, unix(7) SCM_RIGHTS.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "util/descriptor.h"
#include "util/reaper.h"

namespace schedctl {

class SessionWatch {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  explicit SessionWatch(const OwnerSigns* signs) : signs_(signs) {}

  // A new session, made when the owner had noticed so many losses.
  void begin(Descriptor socket, std::int64_t losses_before);
  // To be polled for POLLRDHUP; -1: there is none, or it has ended.
  int descriptor() const { return socket_.get(); }
  void session_has_ended();

  // When to ask; none: the session goes on.
  std::optional<Instant> due() const { return due_; }
  // True, once: the session has ended, and the owner has not noticed for `session_patience`.
  bool owner_is_absent();

 private:
  const OwnerSigns* signs_;
  Descriptor socket_;
  std::int64_t losses_before_ = 0;
  std::optional<Instant> due_;
};

}  // namespace schedctl
