// Trust: a program that others may change is theirs, and so would be the rights it runs with.
#pragma once

#include <sys/types.h>

#include <string>

namespace schedctl {

// Who may own a program besides root. Twice the same when there is only one.
struct Owners {
  uid_t one = 0;
  uid_t other = 0;
};

enum class Distrust { none, foreign_owner, writable, replaceable };

// Of a program at `path` in `folder`; none when it is no regular file, or not there. Says nothing
// of the folders above. Safe between vfork and exec.
Distrust distrust_of(const char* path, const char* folder, Owners owners);

// The same in words, with the remedy: "mode 0777 lets others write it: run chmod go-w PATH". Empty
// when nothing is wrong.
std::string fault_of_program(const std::string& path, Owners owners);

// The folder in which a path leads to a file.
std::string folder_holding(const std::string& path);

}  // namespace schedctl
