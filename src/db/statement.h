// Statement: an embedded .sql file. Migration: one numbered step of the schema.
#pragma once

namespace schedctl::db {

struct Statement {
  const char* name;  // "queue.claim": also the name under which it is prepared
  const char* text;
};

struct Migration {
  int version;           // 1, 2, 3 ... without gaps
  const char* name;      // "0001_create_jobs"
  const char* text;      // run in one transaction with search_path set to the schema
  const char* checksum;  // SHA-256 of the text, in hexadecimal digits
};

}  // namespace schedctl::db
