require "milter/manager/list_file"
require "milter/manager/postfix_cidr_table"
require "milter/manager/postfix_hash_table"
require "milter/manager/postfix_regexp_table"

module Milter
  module Manager
    # Lists that are kept in files, named as Postfix names them: "cidr:/etc/postfix/clients".
    module Tables
      TYPES = {"cidr" => PostfixCIDRTable, "regexp" => PostfixRegexpTable, "pcre" => PostfixPCRETable,
               "hash" => PostfixHashTable, "lmdb" => PostfixHashTable, "btree" => PostfixHashTable,
               "dbm" => PostfixHashTable, "cdb" => PostfixHashTable, "texthash" => PostfixHashTable,
               "file" => ListFile}.freeze
      NAME = /\A(#{TYPES.keys.join("|")}):(\S.*)\z/m

      # Right-hand sides that take an entry out: it ends the search, and nothing matches.
      EXCEPTION = /\A(?:no|false|0|dunno)\z/i

      module_function

      def named?(value)
        value.is_a?(String) && value.match?(NAME)
      end

      # name: "TYPE:PATH". find: gives the files of a path.
      def open(name, find)
        type, path = name.match(NAME).captures
        find.call(path).each_with_object(TYPES.fetch(type).new) do |file, table|
          File.open(file, "r:BINARY") {|io| table.parse(io)}
        end
      end

      def exception?(entry)
        entry.action.match?(EXCEPTION)
      end
    end
  end
end
