// What the owner of a reaper and the reaper say to each other over their socket: a header, a body,
// descriptors. Both are the same program, so numbers travel as they lie in memory.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "util/descriptor.h"
#include "util/reaper.h"

namespace schedctl {

enum class MessageType : std::uint32_t {
  start,    // to the reaper: run this
  stop,     // to the reaper: TERM, later KILL
  kill,     // to the reaper: KILL
  session,  // to the reaper: watch this one
  end,      // from the reaper: the tree is gone
};

// Who a command runs as.
struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

struct StartRequest {
  ProcessSpec
      spec;  // as received: without `stdin_data` and `user`, which travel as `in` and `identity`
  std::optional<Identity> identity;
  Descriptor in, out, err, held;  // `in` and `held` may be missing
};

// False with errno set: EPIPE when the other side is gone.
bool send_message(int socket, MessageType type);
// Of `request` everything but its spec.
bool send_start(int socket, const ProcessSpec& spec, const StartRequest& request);
// Never waits: false with errno EAGAIN when there is no room.
bool send_session(int socket, int session, std::int64_t losses_before);
bool send_end(int socket, const ProcessEnd& end);

struct Message {
  MessageType type{};
  std::string body;
  std::vector<Descriptor> descriptors;
};
// Waits for the next message. Empty when the other side is gone.
std::optional<Message> receive_message(int socket);

// False when descriptors are missing: this process had no room for them.
bool decode_start(Message message, StartRequest& start);
struct SessionNews {
  Descriptor socket;  // missing when this process had no room for it
  std::int64_t losses_before = 0;
};
SessionNews decode_session(Message message);
ProcessEnd decode_end(const Message& message);

}  // namespace schedctl
