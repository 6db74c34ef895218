# For ROS wheels from pip only: their exported targets name the include folders of the machine that built them,
# /opt/python/..., and CMake refuses to generate. Read by build_from_wheels, through CMAKE_PROJECT_..._INCLUDE.
function(use_own_python_headers)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c "import numpy, sysconfig
print(sysconfig.get_path('include'), numpy.get_include(), sep=';', end='')"
    OUTPUT_VARIABLE headers COMMAND_ERROR_IS_FATAL ANY)
  get_property(imported DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS imported)
    get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(folders MATCHES "^/opt/python/")
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${headers}")
    endif()
  endforeach()
endfunction()

# Once all packages were found, before anything is generated.
cmake_language(DEFER CALL use_own_python_headers)
