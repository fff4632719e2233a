; 32-bit protected mode with PAE paging, then with 32-bit paging; see check.inc. The first 4 MiB and the last are mapped one to
; one; WINDOW is a page table of the test's own.
org 0x100000
bits 32
%include "wide32.inc"
%include "check.inc"
%include "check32.inc"
PDPT equ 0x1000
PD equ 0x2000
PT equ 0x3000
OTHER_PDPT equ 0x1020
OTHER_PD equ 0x4000
LEGACY_PD equ 0x5000
LEGACY_PT equ 0x6000
WINDOW equ 0x600000

; Entry of the window's page table: index, low half, high half.
%macro set_page 3
        mov dword [PT + (%1) * 8], %2
        mov dword [PT + (%1) * 8 + 4], %3
        invlpg [WINDOW + (%1) * 0x1000]
        xor eax, eax
%endmacro
%macro set_entry 3
        mov dword [%1], %2
        mov dword [%1 + 4], %3
        mov eax, cr3
        mov cr3, eax
        xor eax, eax
%endmacro
%macro rights 3
check %1, ": read"
        set_page 1, %2, %3
        mov eax, [WINDOW + 0x1000]
        xor eax, eax
        done
check %1, ": write"
        set_page 1, %2, %3
        mov [WINDOW + 0x1000], eax
        done
check %1, ": fetch"
        set_page 1, 0xa01003, 0
        mov byte [WINDOW + 0x1000], 0xc3
        set_page 1, %2, %3
        mov ebx, WINDOW + 0x1000
        call ebx
        done
check %1, ": read in ring 3"
        set_page 1, %2, %3
        user
        mov eax, [WINDOW + 0x1000]
        xor eax, eax
        leave_user
        done
check %1, ": write in ring 3"
        set_page 1, %2, %3
        user
        mov [WINDOW + 0x1000], eax
        leave_user
        done
%endmacro
%define NX 0x80000000

        mov esp, 0x90000
        call check_setup
        xor eax, eax
        mov edi, PDPT
        mov ecx, 0x6000 / 4
        rep stosd
        mov dword [PDPT], PD + 1
        mov dword [PDPT + 24], OTHER_PD + 1
        mov dword [OTHER_PDPT], PD + 1
        mov dword [OTHER_PDPT + 8], PD + 1
        mov dword [PD], 0x87
        mov dword [PD + 8], 0x200087
        mov dword [PD + 24], PT + 7
        mov dword [PD + 32], 0x800087
        mov dword [PD + 40], 0xa00087
        mov dword [OTHER_PD + 511 * 8], 0xffe00087

check "PG with a reserved bit in a PDPTE"
        not_on_qemu
        set_bits cr4, 0x20
        mov dword [PDPT + 8], 0x7
        mov eax, PDPT
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        done
        mov dword [PDPT + 8], 0
        set_bits cr4, 0x20
        mov eax, PDPT
        mov cr3, eax
        set_msr 0xc0000080, 0x800
        mov eax, cr0
        or eax, 0x80010000
        mov cr0, eax

check "CR3: a reserved bit in a PDPTE"
        not_on_qemu
        mov dword [PDPT + 8], 0x3
        mov eax, cr3
        mov cr3, eax
        done
check "CR3: a reserved high bit in a PDPTE"
        not_on_qemu
        mov dword [PDPT + 8], 1
        mov dword [PDPT + 12], NX
        mov eax, cr3
        mov cr3, eax
        done
check "CR3: reserved bits of an absent PDPTE"
        mov dword [PDPT + 8], 0xfffffffe
        mov eax, cr3
        mov cr3, eax
        xor eax, eax
        done
        mov dword [PDPT + 8], 0
        mov dword [PDPT + 12], 0
        mov eax, cr3
        mov cr3, eax
check "CR3: low bits of PAE"
        mov eax, OTHER_PDPT
        mov cr3, eax
        mov dword [0xa01000], 0x5a5a
        mov eax, [0x40a01000]
        show eax
        mov eax, cr3
        done
        mov eax, PDPT
        mov cr3, eax
check "PDPTE absent"
        mov eax, [0x40000000]
        done
check "PDPTEs are cached until CR3 is loaded"
        not_on_qemu
        mov dword [PDPT + 8], PD + 1
        mov eax, [0x40000000]
        done
check "PDPTEs after a load of CR3"
        mov dword [PDPT + 8], PD + 1
        mov eax, cr3
        mov cr3, eax
        mov eax, [0x40a01000]
        done
        mov dword [PDPT + 8], 0
        mov eax, cr3
        mov cr3, eax

rights "absent", 0xa01000, 0
rights "read-only", 0xa01001, 0
rights "writable", 0xa01003, 0
rights "user", 0xa01005, 0
rights "user writable", 0xa01007, 0
rights "no-execute", 0xa01007, NX
rights "reserved bit 62", 0xa01007, 0x40000000
rights "reserved bit 50", 0xa01007, 0x40000
        set_msr 0xc0000080, 0
rights "no-execute without NXE", 0xa01007, NX
        set_msr 0xc0000080, 0x800
check "PDE reserved bit of a large page"
        set_entry PD + 32, 0x802087, 0
        mov eax, [0x800000]
        done
check "PDE no-execute"
        mov byte [0xa01000], 0xc3
        set_entry PD + 32, 0xa00087, NX
        mov ebx, 0x801000
        call ebx
        done
        set_entry PD + 32, 0x800087, 0
check "PDE read-only"
        set_entry PD + 24, PT + 5, 0
        set_page 1, 0xa01007, 0
        mov [WINDOW + 0x1000], eax
        done
        set_entry PD + 24, PT + 7, 0
check "marks: read and write"
        set_page 1, 0xa01007, 0
        mov dword [PD + 24], PT + 7
        mov eax, cr3
        mov cr3, eax
        mov eax, [WINDOW + 0x1000]
        mov eax, [PD + 24]
        and eax, 0xfff
        show eax
        mov eax, [PT + 8]
        and eax, 0xfff
        show eax
        mov [WINDOW + 0x1000], eax
        mov eax, [PT + 8]
        and eax, 0xfff
        done
check "crossing: write, second page absent"
        set_page 1, 0xa01007, 0
        set_page 2, 0, 0
        mov [WINDOW + 0x1ffd], eax
        done
check "crossing: an instruction, second page absent"
        mov byte [WINDOW + 0x1fff], 0xb8
        mov ebx, WINDOW + 0x1fff
        call ebx
        done
check "crossing: an instruction"
        set_page 2, 0xa03007, 0
        mov dword [WINDOW + 0x2000], 0x11223344
        mov byte [WINDOW + 0x2004], 0xc3
        mov ebx, WINDOW + 0x1fff
        call ebx
        done
check "INVLPG"
        mov eax, [WINDOW + 0x2000]
        set_page 2, 0, 0
        mov eax, [WINDOW + 0x2000]
        done
check "SMEP and SMAP"
        set_page 1, 0xa01007, 0
        mov byte [WINDOW + 0x1000], 0xc3
        and byte [PD], ~4
        set_bits cr4, 0x300000
        mov ebx, WINDOW + 0x1000
        call ebx
        done
check "SMAP: read"
        mov al, [WINDOW + 0x1000]
        done
check "SMAP: AC"
        stac
        mov al, [WINDOW + 0x1000]
        clac
        done
        clear_bits cr4, 0x300000
        or byte [PD], 4
        mov eax, cr3
        mov cr3, eax
check "MOV CR3: bits 4:0 and 11:5"
        mov eax, PDPT + 0x18
        mov cr3, eax
        xor eax, eax
        mov eax, cr3
        done
        mov eax, PDPT
        mov cr3, eax

; 32-bit paging: pages of 4 KiB and 4 MiB.
        mov eax, cr0
        and eax, 0x7fffffff
        mov cr0, eax
        clear_bits cr4, 0x20
        set_bits cr4, 0x10
        xor eax, eax
        mov edi, LEGACY_PD
        mov ecx, 0x2000 / 4
        rep stosd
        mov dword [LEGACY_PD], 0x87
        mov dword [LEGACY_PD + 4], LEGACY_PT + 7
        mov dword [LEGACY_PD + 8], 0x800087
        mov dword [LEGACY_PD + 1023 * 4], 0xffc00087
        mov dword [LEGACY_PT + 0x201 * 4], 0xa01007
        mov eax, LEGACY_PD
        mov cr3, eax
        set_bits cr0, 0x80010000
%macro set_legacy 2
        mov dword [LEGACY_PT + (0x200 + (%1)) * 4], %2
        invlpg [WINDOW + (%1) * 0x1000]
        xor eax, eax
%endmacro
check "32-bit paging: read"
        mov dword [0xa01000], 0x7788
        mov eax, [WINDOW + 0x1000]
        done
check "32-bit paging: absent"
        mov eax, [WINDOW + 0x3000]
        done
check "32-bit paging: read-only"
        set_legacy 1, 0xa01005
        mov [WINDOW + 0x1000], eax
        done
check "32-bit paging: supervisor, ring 3"
        set_legacy 1, 0xa01003
        user
        mov eax, [WINDOW + 0x1000]
        done
check "32-bit paging: fetch of an absent page tells no fetch"
        mov ebx, WINDOW + 0x3000
        call ebx
        done
check "32-bit paging: marks of a 4 MiB page"
        mov dword [LEGACY_PD + 8], 0x800087
        mov eax, cr3
        mov cr3, eax
        mov eax, [0x900000]
        mov eax, [LEGACY_PD + 8]
        and eax, 0xfff
        show eax
        mov [0x900000], eax
        mov eax, [LEGACY_PD + 8]
        and eax, 0xfff
        done
check "32-bit paging: reserved bit 21 of a 4 MiB page"
        mov dword [LEGACY_PD + 12], 0xa00087
        mov eax, [0xc00000]
        done
check "32-bit paging: write, WP clear"
        set_legacy 1, 0xa01005
        clear_bits cr0, 0x10000
        mov [WINDOW + 0x1000], eax
        set_bits cr0, 0x10000
        xor eax, eax
        done
        jmp check_end

        align 16
%include "check32-setup.inc"
%include "check-output.inc"
%include "serial.inc"
        align 16
gdt:
        ground_gdt
gdt_end:
