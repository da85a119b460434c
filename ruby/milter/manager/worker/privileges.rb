require "etc"

module Milter
  module Manager
    module Worker
      # Becomes an ordinary user, for good.
      module Privileges
        class Refused < StandardError
        end

        module_function

        # Raises Refused, ArgumentError or SystemCallError; then half of it may have happened, and the process must end.
        def drop(uid, gid, groups)
          raise Refused, "user 0 has all privileges" if uid.zero?
          Process.groups = groups
          Process::Sys.setresgid(gid, gid, gid)
          Process::Sys.setresuid(uid, uid, uid)
          verify(uid, gid, groups)
          settle(uid)
        end

        # What programs take for who they are.
        def settle(uid)
          entry = Etc.getpwuid(uid)
          ENV.update("HOME" => entry.dir, "USER" => entry.name, "LOGNAME" => entry.name)
        rescue ArgumentError
          nil # a user without a name has no home
        end

        def verify(uid, gid, groups)
          now = [Process.uid, Process.euid, Process.gid, Process.egid, Process.groups.uniq.sort]
          wanted = [uid, uid, gid, gid, groups.uniq.sort]
          raise Refused, "user and groups are #{now.inspect} instead of #{wanted.inspect}" unless now == wanted
          ways = {setuid: [0], seteuid: [0], setresuid: [0, 0, 0]}
          ways.merge!(setgid: [0], setegid: [0]) unless gid.zero?
          ways.each do |way, arguments|
            raise Refused, "#{way} makes it root again" if possible?(way, arguments)
          end
        end

        def possible?(way, arguments)
          Process::Sys.public_send(way, *arguments)
          true
        rescue Errno::EPERM
          false
        end
      end
    end
  end
end
