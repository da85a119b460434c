# What is installed beside the programs. An administrator's file is never overwritten.

# milter_install_configuration(FILE TO [EXECUTABLE]): at the absolute path TO, unless something is there already.
function(milter_install_configuration file to)
    set(permissions OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
    if(ARGN)
        list(APPEND permissions OWNER_EXECUTE GROUP_EXECUTE WORLD_EXECUTE)
    endif()
    get_filename_component(folder "${to}" DIRECTORY)
    get_filename_component(name "${to}" NAME)
    install(CODE "
        if(EXISTS \"\$ENV{DESTDIR}${to}\" OR IS_SYMLINK \"\$ENV{DESTDIR}${to}\")
            message(STATUS \"Kept: \$ENV{DESTDIR}${to}\")
        else()
            file(INSTALL DESTINATION \"${folder}\" TYPE FILE PERMISSIONS ${permissions} RENAME \"${name}\" FILES \"${file}\")
        endif()")
endfunction()
